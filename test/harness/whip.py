# A WHIP publisher made of GStreamer's webrtcbin, which no GStreamer of Debian 12
# comes with as an element: a moving ball in H.264, and a tone in Opus. It reads
# the endpoint, the bearer and the picture's size from its environment, publishes
# until it is ended, and deletes its resource then. At SIGUSR1 it is turned: width
# and height change places, as with a phone whose browser turns the pixels. What it
# tells goes to standard error.
import os
import signal
import sys
import threading
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

ENDPOINT = os.environ["WHIP_URL"]
BEARER = {"Authorization": "Bearer " + os.environ["WHIP_BEARER"]}

PIPELINE = """
webrtcbin name=peer bundle-policy=max-bundle
videotestsrc is-live=true pattern=ball ! capsfilter name=size ! queue
  ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=300 bitrate=800 ! video/x-h264,profile=constrained-baseline
  ! rtph264pay config-interval=-1 aggregate-mode=zero-latency
  ! application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000 ! peer.
audiotestsrc is-live=true freq=440 ! audio/x-raw,rate=48000,channels=2 ! queue ! opusenc ! rtpopuspay
  ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000 ! peer.
"""


def request(method, url, body=None, headers=None):
    call = urllib.request.Request(url, data=body, method=method, headers={**BEARER, **(headers or {})})
    return urllib.request.urlopen(call, timeout=10)


class Publisher:
    def __init__(self):
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.parse_launch(PIPELINE)
        self.peer = self.pipeline.get_by_name("peer")
        self.width, self.height = map(int, os.environ["WHIP_SIZE"].split("x"))
        self.resize()
        self.location = None
        self.posted = False
        self.peer.connect("on-negotiation-needed", self.negotiate)
        self.peer.connect("notify::ice-gathering-state", self.gathered)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.failed)

    def resize(self):
        caps = f"video/x-raw,width={self.width},height={self.height},framerate=30/1"
        self.pipeline.get_by_name("size").set_property("caps", Gst.Caps.from_string(caps))

    def turn(self):
        self.width, self.height = self.height, self.width
        self.resize()
        return GLib.SOURCE_CONTINUE

    def negotiate(self, _peer):
        self.peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered))

    def offered(self, promise):
        promise.wait()
        reply = promise.get_reply()  # it owns the offer
        self.peer.emit("set-local-description", reply.get_value("offer"), None)

    def gathered(self, *_):
        complete = GstWebRTC.WebRTCICEGatheringState.COMPLETE
        if self.posted or self.peer.get_property("ice-gathering-state") != complete:
            return
        self.posted = True
        offer = self.peer.get_property("local-description").sdp.as_text()
        threading.Thread(target=self.post, args=(offer.encode(),), daemon=True).start()

    def post(self, offer):
        try:
            with request("POST", ENDPOINT, offer, {"Content-Type": "application/sdp"}) as answer:
                self.location = answer.headers["Location"]
                text = answer.read().decode()
        except OSError as refusal:
            detail = refusal.read().decode() if hasattr(refusal, "read") else ""
            print("refused:", refusal, detail, file=sys.stderr, flush=True)
            self.loop.quit()
            return
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.peer.emit("set-remote-description", description, None)

    def failed(self, _bus, message):
        print("failed:", *message.parse_error(), file=sys.stderr, flush=True)
        self.loop.quit()

    def run(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, self.loop.quit)
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGUSR1, self.turn)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.location:
            request("DELETE", self.location).close()
        self.pipeline.set_state(Gst.State.NULL)


Gst.init(None)
Publisher().run()
