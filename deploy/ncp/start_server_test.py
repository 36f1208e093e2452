"""Tests of start_server.py against a server of the test's own: python3 deploy/ncp/start_server_test.py"""

import http.server
import json
import threading
import unittest
import urllib.parse

import start_server


class Fake(http.server.BaseHTTPRequestHandler):
    """Answers with the codes that are planned, one after the other, and checks the signature."""

    codes: list = []
    seen: list = []

    def do_GET(self):
        cls = type(self)
        cls.seen.append(self.path)
        expected = start_server.signature("GET", self.path, self.headers["x-ncp-apigw-timestamp"], "access", "secret")
        code = cls.codes.pop(0) if self.headers["x-ncp-apigw-signature-v2"] == expected else 401
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps({"startServerInstancesResponse": {"returnCode": "0", "returnMessage": "success"}}).encode())

    def log_message(self, format, *args):
        pass


class StartServer(unittest.TestCase):
    def setUp(self):
        self.server = http.server.HTTPServer(("127.0.0.1", 0), Fake)
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        Fake.seen = []

    def start(self, codes, **params):
        Fake.codes = codes
        given = {"accessKey": "access", "secretKey": "secret", "serverInstanceNo": "8773", "wait": 0}
        return start_server.main({**given, "host": f"http://127.0.0.1:{self.server.server_port}", **params})

    def test_starts(self):
        self.assertEqual(self.start([200]), {"returnCode": "0", "returnMessage": "success"})
        path, _, query = Fake.seen[0].partition("?")
        self.assertEqual(path, "/vserver/v2/startServerInstances")
        self.assertEqual(urllib.parse.parse_qs(query)["serverInstanceNoList.1"], ["8773"])

    def test_tries_again_what_may_pass(self):
        self.assertEqual(self.start([503, 429, 200])["returnCode"], "0")
        self.assertEqual(len(Fake.seen), 3)

    def test_gives_up(self):
        self.assertIn("HTTP 500", self.start([500, 500, 500])["error"])
        self.assertEqual(len(Fake.seen), 3)

    def test_does_not_repeat_a_refusal(self):
        self.assertIn("HTTP 401", self.start([200], secretKey="another")["error"])
        self.assertEqual(len(Fake.seen), 1)

    def test_says_what_is_missing_and_no_secret(self):
        self.assertEqual(self.start([], serverInstanceNo=""), {"error": "the parameter serverInstanceNo is missing"})
        self.assertNotIn("secret", str(self.start([403])))

    def test_signs(self):
        uri = "/vserver/v2/startServerInstances?serverInstanceNoList.1=1"
        # printf 'GET %s\\n1505290625682\\naccess' "$uri" | openssl dgst -sha256 -hmac secret -binary | base64
        self.assertEqual(start_server.signature("GET", uri, "1505290625682", "access", "secret"), "+3f4yS+tELwWCS/8SGivwxF1biBUoT4osal8AZQN3WI=")


if __name__ == "__main__":
    unittest.main()
