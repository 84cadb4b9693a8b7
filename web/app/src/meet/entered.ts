const key = "roomcast.entered";

/** Remembers, for this tab, that somebody went past the lobby. */
export function rememberEntered(participantId: string): void {
  try {
    sessionStorage.setItem(key, participantId);
  } catch {
    // Storage is blocked: a reload then leads to the lobby.
  }
}

/** Whether somebody went past the lobby in this tab before. */
export function hasEntered(participantId: string): boolean {
  try {
    return sessionStorage.getItem(key) === participantId;
  } catch {
    return false;
  }
}
