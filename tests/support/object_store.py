"""An object store on this machine that speaks as much of S3 as reading, listing and writing take."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


class Handler(BaseHTTPRequestHandler):
    """Objects by their keys, ``bucket/key``; what is sent in pieces is there once it is complete."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]
    pieces: dict[int, bytes]

    def log_message(self, *_: object) -> None:
        pass

    def _asked(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        return unquote(parts.path).removeprefix("/"), {
            name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if "aws-chunked" not in (self.headers.get("Content-Encoding") or ""):
            return body
        content = b""
        while length := int(body.partition(b"\r\n")[0].split(b";")[0], 16):  # the same once more, signed
            body = body.partition(b"\r\n")[2]
            content, body = content + body[:length], body[length + 2 :]
        return content

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        key, _ = self._asked()
        if not key.strip("/").count("/"):
            self._answer(200)
        elif key in self.objects:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.objects[key])))
            self.send_header("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
            self.end_headers()
        else:
            self._answer(404)

    def do_GET(self) -> None:
        key, query = self._asked()
        if "list-type" in query:
            self._answer(200, self._listing(key.strip("/"), query).encode(), Content_Type="application/xml")
        elif key not in self.objects:
            told = "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
            self._answer(404, (XML + told).encode(), Content_Type="application/xml")
        else:
            content = self.objects[key]
            first, _, last = (self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")
            part = content[int(first) : int(last) + 1 if last else None]
            told = {"Content_Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"}
            self._answer(206 if self.headers.get("Range") else 200, part, **told)

    def _listing(self, bucket: str, query: dict[str, str]) -> str:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        keys = sorted(key.partition("/")[2] for key in self.objects if key.startswith(f"{bucket}/"))
        contents, folders = "", {}
        for key in keys:
            inner = key.removeprefix(prefix)
            if not key.startswith(prefix):
                continue
            if delimiter and delimiter in inner:
                folders[prefix + inner.partition(delimiter)[0] + delimiter] = None
                continue
            size = len(self.objects[f"{bucket}/{key}"])
            contents += f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size></Contents>"
        common = "".join(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders)
        count = f"<KeyCount>{len(keys)}</KeyCount><IsTruncated>false</IsTruncated>"
        return f"{XML}<ListBucketResult><Name>{bucket}</Name>{count}{contents}{common}</ListBucketResult>"

    def do_PUT(self) -> None:
        key, query = self._asked()
        body = self._body()
        if "partNumber" in query:
            self.pieces[int(query["partNumber"])] = body
        elif "/" in key:
            self.objects[key] = body
        self._answer(200, ETag='"0"')

    def do_POST(self) -> None:
        key, query = self._asked()
        self._body()
        if "uploads" in query:
            told = "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
            self.pieces.clear()
        else:
            told = "<CompleteMultipartUploadResult><ETag>0</ETag></CompleteMultipartUploadResult>"
            self.objects[key] = b"".join(self.pieces[number] for number in sorted(self.pieces))
        self._answer(200, (XML + told).encode(), Content_Type="application/xml")

    def do_DELETE(self) -> None:
        self.objects.pop(self._asked()[0], None)
        self._answer(204)


@contextmanager
def object_store(objects: dict[str, bytes]) -> Iterator[str]:
    """Serve ``objects``, ``bucket/key`` -> content, to one client at a time; give what its addresses end in."""
    handler = type("Store", (Handler,), {"objects": objects, "pieces": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"?scheme=http&endpoint_override=127.0.0.1:{server.server_port}&region=us-east-1"
        finally:
            server.shutdown()
            thread.join()
