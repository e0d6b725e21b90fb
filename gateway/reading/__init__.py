"""Reading what providers sent: a short body in a thread, a long one in a process of its own.

    body -> Reading -> (thread | ReadingProcess -> `python -m gateway.reading`) -> chunks, one at a time

While the gateway journals one chunk, the process reads the next. It has the provider's record key and no other secret,
and what makes it fail, or end, does so to one submission.
"""
