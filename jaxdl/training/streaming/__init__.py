"""Training on data larger than memory: a thread reads some batches ahead and puts them on the device.

chunks      some batches in a row, and what a source of them is
ordered     examples by number, in the very order in which a data set on the device is gone through
workers     the same, read and decoded by other processes, through grain
iterables   batches that somebody else makes, one after the other, and where they stand
feeder      the thread, the chunk that is being used and the one that is ready
opening     which data are streamed, and the source of them
in_order    a part from front to back, for its scores
"""
