"""``app`` for any WSGI server, with the settings of the environment. Import it in the process
that serves, after any fork: it opens connections."""

from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.http.app import create_app
from ktrlplane.entrypoints.settings import load_settings

app = create_app(Container(settings=load_settings()))
