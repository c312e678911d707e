"""An S3 server with the bucket `locked`, which keeps every version of every object for a day.

Says its port; at each line of standard input, tries as the bucket's owner to delete all versions, and says as JSON how many are left of each
object; ends with standard input.
"""

import collections
import json
import logging
import sys

import boto3
from botocore.exceptions import ClientError
from moto.moto_server import threaded_moto_server as moto

LOCK = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}


class Application(moto.DomainDispatcherApplication):
    """For a lock, S3 asks for `Content-MD5` or an `x-amz-checksum-` header; moto, for a word that clients may say beside the latter."""

    def __call__(self, environ, start_response):
        if "HTTP_X_AMZ_CHECKSUM_SHA256" in environ:
            environ["HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM"] = "SHA256"
        return super().__call__(environ, start_response)


def say(what):
    print(what, flush=True)


def delete_all(owner):
    for version in owner.list_object_versions(Bucket="locked").get("Versions", []):
        try:
            owner.delete_object(Bucket="locked", Key=version["Key"], VersionId=version["VersionId"])
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied", error


logging.getLogger("werkzeug").setLevel(logging.ERROR)
moto.DomainDispatcherApplication = Application
server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
owner = boto3.client(
    "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", aws_access_key_id="owner", aws_secret_access_key="secret"
)
owner.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
owner.put_object_lock_configuration(Bucket="locked", ObjectLockConfiguration=LOCK)
say(port)
for _ in sys.stdin:
    delete_all(owner)
    left = owner.list_object_versions(Bucket="locked").get("Versions", [])
    say(json.dumps(collections.Counter(version["Key"] for version in left)))
