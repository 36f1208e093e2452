"""Action of NAVER Cloud Functions that starts the server that duly runs on. A cron trigger calls it every night.

Parameters of the action (set them as default parameters, which are encrypted):
    accessKey, secretKey   of a sub account that may start this one server
    serverInstanceNo       the server's instance number
    regionCode             KR by default
"""

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request

HOST = "https://ncloud.apigw.ntruss.com"
PATH = "/vserver/v2/startServerInstances"
TRIES = 3
TIMEOUT = 20  # seconds


def signature(method, uri, timestamp, access_key, secret_key):
    """Signs a request: method, path with query, time in milliseconds and access key, by HMAC-SHA256."""
    text = f"{method} {uri}\n{timestamp}\n{access_key}"
    digest = hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def request(params, now):
    """Makes the signed request that starts the server."""
    query = urllib.parse.urlencode(
        {
            "regionCode": params.get("regionCode", "KR"),
            "serverInstanceNoList.1": params["serverInstanceNo"],
            "responseFormatType": "json",
        }
    )
    uri = f"{PATH}?{query}"
    timestamp = str(int(now * 1000))
    return urllib.request.Request(
        params.get("host", HOST) + uri,
        headers={
            "x-ncp-apigw-timestamp": timestamp,
            "x-ncp-iam-access-key": params["accessKey"],
            "x-ncp-apigw-signature-v2": signature("GET", uri, timestamp, params["accessKey"], params["secretKey"]),
        },
    )


def main(params):
    """Starts the server; one that runs already is left as it is. What fails for a reason that may pass is tried again."""
    for name in ("accessKey", "secretKey", "serverInstanceNo"):
        if not params.get(name):
            return {"error": f"the parameter {name} is missing"}
    failure = ""
    for turn in range(TRIES):
        if turn:
            time.sleep(params.get("wait", 5) * turn)
        try:
            with urllib.request.urlopen(request(params, time.time()), timeout=TIMEOUT) as answer:
                body = json.load(answer)["startServerInstancesResponse"]
                return {"returnCode": body["returnCode"], "returnMessage": body["returnMessage"]}
        except urllib.error.HTTPError as refused:
            failure = f"HTTP {refused.code}: {refused.read(300).decode(errors='replace')}"
            if refused.code < 500 and refused.code != 429:
                break
        except (OSError, ValueError, KeyError) as problem:
            failure = f"{type(problem).__name__}: {problem}"
    return {"error": failure}
