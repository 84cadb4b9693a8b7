import * as m from "$lib/paraglide/messages";
import type { MeetActs } from "./acts.svelte";

/** One key of the meeting. */
export interface Shortcut {
  key: string;
  label: () => string;
  act: (acts: MeetActs) => void;
}

/** The meeting's keys. They hold while nothing is typed and no dialog is open. */
export const shortcuts: readonly Shortcut[] = [
  { key: "m", label: m.meet_shortcut_mute, act: (acts) => void acts.microphone() },
  { key: "v", label: m.meet_shortcut_camera, act: (acts) => void acts.camera() },
  { key: "h", label: m.meet_shortcut_hand, act: (acts) => void acts.hand() },
  { key: "c", label: m.meet_shortcut_chat, act: (acts) => acts.ui.toggle("chat") },
  { key: "p", label: m.meet_shortcut_people, act: (acts) => acts.ui.toggle("people") },
  { key: "s", label: m.meet_shortcut_share, act: (acts) => void acts.screen() },
  { key: "f", label: m.meet_shortcut_fullscreen, act: (acts) => acts.fullscreen() },
];

/** Listens to the keys until what it gives is called. */
export function listenToKeys(acts: MeetActs): () => void {
  const pressed = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey || takesKeys(event.target)) return;
    const shortcut = shortcuts.find(({ key }) => key === event.key.toLowerCase());
    if (!shortcut) return;
    event.preventDefault();
    shortcut.act(acts);
  };
  window.addEventListener("keydown", pressed);
  return () => window.removeEventListener("keydown", pressed);
}

/** Whether keys belong to the element itself: where one types, and in menus and dialogs. */
function takesKeys(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, select, [contenteditable], [role="dialog"], [role="alertdialog"], [role="menu"], [role="listbox"]') !== null;
}
