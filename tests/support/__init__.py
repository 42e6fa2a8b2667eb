# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""
What tests share.

- `modes`: the four ways to make a call, and markers that run a test in some of them
- `replies`: what AIMLAPI says, as JSON
- `api`: AIMLAPI without a socket, and components that ask it
- `asking`: calls, and what must hold of their replies and chunks
- `server`: a loopback server that answers byte by byte, or breaks
- `crowd`: a loopback server for many connections at once
- `recordings`: recorded exchanges, played by the fixture `playback`
"""
