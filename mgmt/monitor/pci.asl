/* SPDX-License-Identifier: GPL-2.0-only */
/* The PCI bus of a guest that has functions. Numbers here are those of layout.h. */
DefinitionBlock ("", "SSDT", 2, "DAIS", "DAISPCI", 1)
{
	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, Zero)
			Name (_SEG, Zero)
			Name (_BBN, Zero)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 1)
				IO (Decode16, 0x0cf8, 0x0cf8, 1, 8)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
					ReadWrite, 0, 0xc0000000, 0xdfffffff, 0, 0x20000000)
				QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable,
					ReadWrite, 0, 0x4000000000, 0x7fffffffff, 0, 0x4000000000)
			})

			Name (_PRT, Package ()
			{
				Package () { 0x0001FFFF, 0, Zero, 16 },
				Package () { 0x0002FFFF, 0, Zero, 17 },
				Package () { 0x0003FFFF, 0, Zero, 18 },
				Package () { 0x0004FFFF, 0, Zero, 19 },
				Package () { 0x0005FFFF, 0, Zero, 20 },
				Package () { 0x0006FFFF, 0, Zero, 21 },
				Package () { 0x0007FFFF, 0, Zero, 22 },
				Package () { 0x0008FFFF, 0, Zero, 23 }
			})

			/* Slots: their bits in the registers below are 0 to 7. */
			OperationRegion (HOTP, SystemIO, 0x0605, 3)
			Field (HOTP, ByteAcc, NoLock, WriteAsZeros) { ADDD, 8, WANT, 8, EJCT, 8 }

			Device (S00)
			{
				Name (_ADR, 0x00010000)
				Name (_SUN, 1)
				Method (_EJ0, 1) { EJCT = 1 }
			}

			Device (S01)
			{
				Name (_ADR, 0x00020000)
				Name (_SUN, 2)
				Method (_EJ0, 1) { EJCT = 2 }
			}

			Device (S02)
			{
				Name (_ADR, 0x00030000)
				Name (_SUN, 3)
				Method (_EJ0, 1) { EJCT = 4 }
			}

			Device (S03)
			{
				Name (_ADR, 0x00040000)
				Name (_SUN, 4)
				Method (_EJ0, 1) { EJCT = 8 }
			}

			Device (S04)
			{
				Name (_ADR, 0x00050000)
				Name (_SUN, 5)
				Method (_EJ0, 1) { EJCT = 16 }
			}

			Device (S05)
			{
				Name (_ADR, 0x00060000)
				Name (_SUN, 6)
				Method (_EJ0, 1) { EJCT = 32 }
			}

			Device (S06)
			{
				Name (_ADR, 0x00070000)
				Name (_SUN, 7)
				Method (_EJ0, 1) { EJCT = 64 }
			}

			Device (S07)
			{
				Name (_ADR, 0x00080000)
				Name (_SUN, 8)
				Method (_EJ0, 1) { EJCT = 128 }
			}

			Method (SCAN, 0, Serialized)
			{
				Local0 = ADDD
				If (Local0 & 1) { Notify (S00, 1) }
				If (Local0 & 2) { Notify (S01, 1) }
				If (Local0 & 4) { Notify (S02, 1) }
				If (Local0 & 8) { Notify (S03, 1) }
				If (Local0 & 16) { Notify (S04, 1) }
				If (Local0 & 32) { Notify (S05, 1) }
				If (Local0 & 64) { Notify (S06, 1) }
				If (Local0 & 128) { Notify (S07, 1) }
				Local0 = WANT
				If (Local0 & 1) { Notify (S00, 3) }
				If (Local0 & 2) { Notify (S01, 3) }
				If (Local0 & 4) { Notify (S02, 3) }
				If (Local0 & 8) { Notify (S03, 3) }
				If (Local0 & 16) { Notify (S04, 3) }
				If (Local0 & 32) { Notify (S05, 3) }
				If (Local0 & 64) { Notify (S06, 3) }
				If (Local0 & 128) { Notify (S07, 3) }
			}
		}

		/* Linux uses ECAM only where the table and a motherboard resource agree. */
		Device (MRES)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, Zero)
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xe0000000, 0x00100000)
			})
		}
	}
}
