"""The service's rules: endpoints, batch states, request lines, answers and how each request ends."""
