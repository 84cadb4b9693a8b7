const volumeKey = "roomcast.volume";

/** The volume of the last time, 0 to 1. */
export function rememberedVolume(): number {
  try {
    const kept = Number(localStorage.getItem(volumeKey) ?? "1");
    return Number.isFinite(kept) ? Math.min(1, Math.max(0, kept)) : 1;
  } catch {
    return 1;
  }
}

/** Keeps the volume for the next time. */
export function keepVolume(volume: number): void {
  try {
    localStorage.setItem(volumeKey, String(volume));
  } catch {
    // Storage is blocked: the volume then lasts as long as the page.
  }
}
