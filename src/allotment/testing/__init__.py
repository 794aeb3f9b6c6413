"""What tests of Allotment, and of applications that use it, run against: real broker servers of their own.

Nothing in the rest of Allotment imports this package, but the command `allot faults`.
"""
