import type { Ingest } from "$lib/api/schema.gen";
import * as m from "$lib/paraglide/messages";

/** One thing to copy into an encoder. */
export interface Address {
  label: string;
  /** In the middle of a sentence: "copy RTMP server". */
  what: string;
  value: string;
  /** Holds the stream key: hidden until asked for. */
  secret: boolean;
  hint?: string;
}

/** What a room's doors are called, as encoders ask for it; only doors that are open. */
export function addressesOf({ ingest_urls: urls, backup_stream_key: backup, srt_passphrase: passphrase }: Ingest): Address[] {
  const found: Address[] = [];
  if (urls?.rtmp) {
    found.push({ label: m.live_address_rtmp(), what: m.live_address_rtmp(), value: urls.rtmp.url, secret: false });
    found.push({ label: m.live_address_key(), what: m.live_address_key(), value: urls.rtmp.stream_key, secret: true });
  }
  if (urls?.srt) found.push({ label: m.live_address_srt(), what: m.live_address_srt(), value: urls.srt.url, secret: true, ...(passphrase ? { hint: m.live_address_srt_hint() } : {}) });
  if (passphrase) found.push({ label: m.live_address_passphrase(), what: m.live_address_passphrase(), value: passphrase, secret: true });
  if (urls?.rtsp) found.push({ label: m.live_address_rtsp(), what: m.live_address_rtsp(), value: urls.rtsp.url, secret: true });
  if (urls?.whip) {
    found.push({ label: m.live_address_whip(), what: m.live_address_whip(), value: urls.whip.url, secret: false });
    found.push({ label: m.live_address_bearer(), what: m.live_address_bearer(), value: urls.whip.bearer, secret: true });
  }
  if (backup) found.push({ label: m.live_address_backup(), what: m.live_address_backup(), value: backup, secret: true, hint: m.live_address_backup_hint() });
  return found;
}
