import * as m from "$lib/paraglide/messages";
import type { DeviceKind, DeviceProblem } from "./devices.svelte";

/** What to say when a device cannot be used: what is wrong, and what to do. */
export function deviceText(kind: DeviceKind, problem: DeviceProblem): { what: string; todo: string } {
  const camera = kind === "camera";
  switch (problem) {
    case "denied":
      return { what: camera ? m.meet_denied_camera() : m.meet_denied_microphone(), todo: m.meet_denied_do() };
    case "missing":
      return { what: camera ? m.meet_missing_camera() : m.meet_missing_microphone(), todo: m.meet_missing_do() };
    case "busy":
      return { what: camera ? m.meet_busy_camera() : m.meet_busy_microphone(), todo: m.meet_busy_do() };
    case "insecure":
      return { what: m.meet_insecure(), todo: m.meet_insecure_do() };
    case "unplugged":
      return { what: camera ? m.meet_unplugged_camera() : m.meet_unplugged_microphone(), todo: m.meet_missing_do() };
  }
}
