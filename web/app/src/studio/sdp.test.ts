import { describe, expect, it } from "vitest";
import { fragmentOf, orderedCodecs, withTransport } from "./sdp";

const offer = ["v=0", "a=group:BUNDLE 0 1", "m=video 9 UDP/TLS/RTP/SAVPF 102", "a=ice-ufrag:new", "a=ice-pwd:newpassword", "a=mid:0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:new", "a=mid:1", ""].join("\r\n");
const answer = ["v=0", "a=ice-lite", "m=video 9 UDP/TLS/RTP/SAVPF 102", "a=ice-ufrag:old", "a=ice-pwd:oldpassword", "a=mid:0", "a=candidate:1 1 udp 1 192.0.2.1 1 typ host", "a=end-of-candidates", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:old", "a=ice-pwd:oldpassword", "a=mid:1", ""].join("\r\n");

describe("an SDP fragment", () => {
  it("names the description's credentials, its first section, and the candidates", () => {
    expect(fragmentOf(offer, [{ candidate: "candidate:7 1 udp 1 192.0.2.9 5 typ host", mid: "0" }, { candidate: "", mid: null }])).toBe(
      "a=ice-ufrag:new\r\na=ice-pwd:newpassword\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\na=mid:0\r\na=candidate:7 1 udp 1 192.0.2.9 5 typ host\r\na=end-of-candidates\r\n",
    );
  });

  it("of an ICE restart gives the answer another transport and leaves all else", () => {
    const restarted = withTransport(answer, "a=ice-lite\r\na=ice-ufrag:next\r\na=ice-pwd:nextpassword\r\na=mid:0\r\na=candidate:2 1 udp 1 192.0.2.2 2 typ host\r\na=end-of-candidates\r\n");
    expect(restarted).not.toContain("old");
    expect(restarted).not.toContain("192.0.2.1 ");
    expect(restarted.match(/a=ice-ufrag:next\r\n/g)).toHaveLength(2);
    expect(restarted.match(/a=candidate:2 /g)).toHaveLength(1);
    expect(restarted.split("\r\n").filter((line) => line.startsWith("m="))).toEqual(["m=video 9 UDP/TLS/RTP/SAVPF 102", "m=audio 9 UDP/TLS/RTP/SAVPF 111"]);
    expect(restarted.endsWith("a=mid:1\r\n")).toBe(true);
  });
});

describe("the codecs of an offer", () => {
  const known = ["video/VP8", "video/rtx", "video/AV1", "video/VP9", "video/H264", "video/H265"].map((mimeType) => ({ mimeType }));

  it("begin with H.264 and leave out what is not taken", () => {
    expect(orderedCodecs(known).map((codec) => codec.mimeType)).toEqual(["video/H264", "video/VP9", "video/AV1"]);
  });

  it("are none where the browser has none that is taken", () => {
    expect(orderedCodecs([{ mimeType: "video/VP8" }])).toEqual([]);
  });
});
