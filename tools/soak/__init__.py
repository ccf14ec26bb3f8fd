"""A soak: random conversations over real connections with a real server, checked end to end.

Each conversation is data, generated from a seed, the name of a target and a number (`planning`, `draw`).
A client plays one side (`client`, `wire`), an application on the server the other side (`application`),
and both record everything that they see. `judging` compares both records with the plan: the content and
order of every message, the code and reason of every close, and the end of the transport. A target is a
uvicorn in a process of its own (`server`), with one event loop and one kind of transport. `phase` plays
conversations on one target, and compares the server before and after them. `report` prints the outcome.

    python -m tools.soak --seconds 60
    python -m tools.soak --seed 7 --target uvloop-tls --only 41   # repeats one conversation alone
"""
