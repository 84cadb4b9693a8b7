/** What WHIP needs to know of SDP: fragments for PATCH (RFC 8840, RFC 9725), and nothing else. No page, no browser. */

/** A local candidate as `RTCPeerConnection` reports it. */
export interface Candidate {
  /** `candidate:…`, or "" for the end. */
  candidate: string;
  mid: string | null;
}

const linesOf = (sdp: string): string[] => sdp.split(/\r?\n/).filter((line) => line !== "");

/** The first line of `sdp` that begins so, without the beginning; "" if there is none. */
function valueOf(sdp: string, prefix: string): string {
  return linesOf(sdp).find((line) => line.startsWith(prefix))?.slice(prefix.length) ?? "";
}

/** The fragment that tells the server of candidates, with the credentials of the description they belong to. */
export function fragmentOf(description: string, candidates: readonly Candidate[]): string {
  const lines = [`a=ice-ufrag:${valueOf(description, "a=ice-ufrag:")}`, `a=ice-pwd:${valueOf(description, "a=ice-pwd:")}`];
  const media = linesOf(description).find((line) => line.startsWith("m="));
  if (media) lines.push(media, `a=mid:${valueOf(description, "a=mid:")}`);
  for (const { candidate } of candidates) lines.push(candidate === "" ? "a=end-of-candidates" : `a=${candidate}`);
  return lines.join("\r\n") + "\r\n";
}

/** An answer with the transport of a fragment in the place of its own: what the server says to an ICE restart. */
export function withTransport(answer: string, fragment: string): string {
  const theirs = linesOf(fragment);
  const candidates = theirs.filter((line) => line.startsWith("a=candidate:") || line === "a=end-of-candidates");
  const [ufrag, password] = [valueOf(fragment, "a=ice-ufrag:"), valueOf(fragment, "a=ice-pwd:")];
  const out: string[] = [];
  let placed = false;
  for (const line of linesOf(answer)) {
    if (line.startsWith("a=candidate:") || line === "a=end-of-candidates") continue;
    if (line.startsWith("a=ice-ufrag:")) out.push(`a=ice-ufrag:${ufrag}`);
    else if (line.startsWith("a=ice-pwd:")) out.push(`a=ice-pwd:${password}`);
    else out.push(line);
    // The first section carries the transport of the bundle.
    if (line.startsWith("a=ice-pwd:") && !placed) {
      out.push(...candidates);
      placed = true;
    }
  }
  return out.join("\r\n") + "\r\n";
}

/** The codecs to offer, the best for the viewers first: H.264 plays everywhere, VP9 and AV1 on most screens, VP8 is not taken. */
export function orderedCodecs<T extends { mimeType: string }>(known: readonly T[]): T[] {
  const of = (name: string) => known.filter((codec) => codec.mimeType.toLowerCase() === `video/${name}`);
  return [...of("h264"), ...of("vp9"), ...of("av1")];
}
