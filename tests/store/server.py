"""An S3 server with one bucket, in memory, on a free port: moto. Ends with its standard input."""

import json
import os
import sys
import threading

from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

bucket, port = sys.argv[1], int(sys.argv[2])
s3_backends["123456789012"]["aws"].create_bucket(bucket, "us-east-1")
application = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", port, application, threaded=True)
print(json.dumps({"event": "ready", "address": f"127.0.0.1:{server.port}"}), flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
