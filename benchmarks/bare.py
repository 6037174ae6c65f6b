"""The route that everything is measured against: Falcon and the server, nothing else."""

import falcon


class Bare:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = b'{"status":"UP"}'


app = falcon.App()
app.add_route("/bare", Bare())
