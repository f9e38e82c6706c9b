"""python -m common.serving.server: see `local_server`."""

from common.startup import quiet_tensorflow

quiet_tensorflow(is_script=True)

from common import cli  # noqa: E402
from common.serving.server.local_server import ServerOptions, main  # noqa: E402

if __name__ == "__main__":
    cli.run(main, ServerOptions)
