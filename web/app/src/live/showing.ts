import type { Playback, PlaybackProblem } from "./player.svelte";

/** What a viewer sees: the picture, or a state instead of it or over it. */
export type Showing = "picture" | "waiting" | "preview" | "interrupted" | "ended" | "starting" | "stalled" | "click" | "trouble" | PlaybackProblem;

interface ShowingInput {
  /** The broadcast's state. */
  state: string;
  playback: Playback;
  problem: PlaybackProblem | null;
  trouble: boolean;
  needsClick: boolean;
}

/** Whether the show is on, be it with its slate. */
export function isOnAir(state: string): boolean {
  return state === "live" || state === "interrupted";
}

/** Says what is shown, the broadcast's own state first, then what the player met. */
export function showingOf({ state, playback, problem, trouble, needsClick }: ShowingInput): Showing {
  if (problem !== null) return problem;
  if (playback === "idle") {
    if (state === "preview" || state === "ended") return state;
    return state === "interrupted" ? "interrupted" : "waiting";
  }
  if (state === "interrupted") return "interrupted";
  if (needsClick) return "click";
  if (trouble) return "trouble";
  if (playback === "starting") return "starting";
  if (playback === "stalled") return "stalled";
  return state === "preview" ? "preview" : "picture";
}

/** States in which the picture stays, with something over it. */
export function keepsPicture(showing: Showing): boolean {
  return showing === "picture" || showing === "stalled" || showing === "click" || showing === "interrupted" || showing === "preview";
}
