"""Django's settings: ``base`` and its topics, and what ``dev``, ``test`` and ``prod`` do otherwise."""
