"""A server that speaks S3, with one bucket in memory, on a free port: moto. Ends with its standard input.

Where INITIAL_NO_AUTH_ACTION_COUNT is 0 it computes the signature of each request with the secret that it
gave out, and compares; else it looks at none."""

import json
import os
import sys
import threading

from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

bucket, port = sys.argv[1], int(sys.argv[2])
account = "123456789012"
s3_backends[account]["aws"].create_bucket(bucket, "us-east-1")
iam = iam_backends[account]["aws"]
iam.create_user("us-east-1", "relay")
# Moto knows no resources in policies: the actions that relay/README.md names.
actions = ["s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
policy = {"Version": "2012-10-17", "Statement": [statement]}
iam.put_user_policy("relay", "archive", json.dumps(policy))
key = iam.create_access_key("relay")
application = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", port, application, threaded=True)
ready = {"event": "ready", "address": f"127.0.0.1:{server.port}"}
print(json.dumps(ready | {"id": key.access_key_id, "secret": key.secret_access_key}), flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
