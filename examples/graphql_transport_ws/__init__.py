"""The subprotocol graphql-transport-ws, on machines of wsfsm."""
