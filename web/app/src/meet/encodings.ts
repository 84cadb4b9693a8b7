import type { Source } from "$lib/signaling/protocol.gen";

/** How a source is encoded: one layer each today. Layers of a simulcast go here, lowest first, each with its `rid`. */
export function encodingsFor(source: Source): RTCRtpEncodingParameters[] {
  switch (source) {
    case "camera":
      return [{ maxBitrate: 1_200_000, maxFramerate: 30 }];
    case "screen":
      return [{ maxBitrate: 2_500_000, maxFramerate: 15 }];
    case "microphone":
      return [{ maxBitrate: 40_000 }];
    case "screen_audio":
      return [{ maxBitrate: 96_000 }];
  }
}

/** The capture of a screen: sharp before smooth. */
export const screenShape: DisplayMediaStreamOptions = {
  video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 15, max: 15 } },
  audio: true,
};

/**
 * Of the codecs a browser knows, those worth offering for a room, so that offers stay small: the room's codec and its retransmissions.
 * All of them if the browser does not know the room's.
 */
export function wantedCodecs(known: readonly RTCRtpCodec[], mimeType: string): RTCRtpCodec[] {
  const wanted = known.filter((codec) => codec.mimeType.toLowerCase() === mimeType.toLowerCase());
  if (wanted.length === 0) return [...known];
  return [...wanted, ...known.filter((codec) => codec.mimeType.toLowerCase() === "video/rtx" && mimeType.startsWith("video/"))];
}
