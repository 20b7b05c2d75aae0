"""Hosts of MTA-STS policies (RFC 8461 §3.3): one HTTPS server for all names, which can be changed while it runs."""

import http.server
import ssl
import threading


class PolicyHost:
    name = "policy-host"

    def __init__(self, pem, address="127.0.0.1", port=0):
        """The certificate is for every mta-sts.DOMAIN, or should not be."""
        self.answers = {}  # "mta-sts.a.example" -> (status, type, body, seconds before it answers)
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host = self.headers.get("Host", "").partition(":")[0]
                outer.asked.append(host)
                status, kind, body, pause = outer.answers.get(host, (404, "text/plain", "", 0))
                if self.path != "/.well-known/mta-sts.txt":
                    status, body = 404, ""
                outer.ending.wait(pause)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                if status in (301, 302):
                    self.send_header("Location", "https://elsewhere.example/")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments):
                pass

        self.ending = threading.Event()
        self.server = http.server.ThreadingHTTPServer((address, port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients that do not like the certificate
        self.port = self.server.server_address[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def publish(self, domain, mode, hosts, max_age=86400, status=200, kind="text/plain", pause=0, body=None):
        if body is None:
            body = f"version: STSv1\r\nmode: {mode}\r\n" + "".join(f"mx: {host}\r\n" for host in hosts) + f"max_age: {max_age}\r\n"
        self.answers[f"mta-sts.{domain}"] = (status, kind, body, pause)

    def stop(self):
        self.ending.set()
        self.server.shutdown()
        self.server.server_close()
