"""A soak: random conversations over real connections with a real server, checked end to end.

Each conversation is data, made of a seed, the name of a target and a number (`planning`, `draw`).
A client plays one side of it (`client`, `wire`), an application on the server the other
(`application`), and each of them notes all that it sees. `judging` holds both accounts against the
plan: the content and order of every message, the codes and reasons of every close, and how the
transport ends. A target is uvicorn in a process of its own (`server`), on one event loop and one kind
of transport; `phase` plays on one target, and compares the server before and after; `report` prints
the outcome.

    python -m tools.soak --seconds 60
    python -m tools.soak --seed 7 --target uvloop-tls --only 41   # one conversation again, alone
"""
