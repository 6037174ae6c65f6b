"""``app`` for any WSGI server, with the settings of the environment. Import it in the process
that serves, after any fork: it opens connections."""

import gc

from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.http.app import create_app
from ktrlplane.entrypoints.logs import configure_logs
from ktrlplane.entrypoints.setting_sources import load_settings

settings = load_settings()
configure_logs(settings)
# Kept by name: a container that nobody holds any more closes what it has opened.
container = Container(settings=settings)
app = create_app(container)

# What has been made by now lives as long as the process: no collection need look at it again.
gc.collect()
gc.freeze()
