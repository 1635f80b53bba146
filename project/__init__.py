"""The Django project: settings, routes, servers and the stack that ``make run`` starts."""
