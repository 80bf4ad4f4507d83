"""What a device says: profiles, read plans, decoding. Pure: no sockets, no clocks, no asyncio.

Current is positive when it charges the battery, whatever the device's own sign; a profile that reads the
other way says `scale = -...`.
"""
