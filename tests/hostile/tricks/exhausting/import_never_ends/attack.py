# never ends being imported; secret timed_out; clock; honest timed_out
while True:
    pass
