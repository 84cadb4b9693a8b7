/** What a key does to the player. */
export type PlayerAct = "toggle" | "mute" | "fullscreen" | "live" | "louder" | "quieter" | "back" | "forward" | "start" | "stats";

const keys: Readonly<Record<string, PlayerAct>> = {
  " ": "toggle",
  k: "toggle",
  m: "mute",
  f: "fullscreen",
  l: "live",
  End: "live",
  Home: "start",
  i: "stats",
  j: "back",
  ArrowLeft: "back",
  ArrowRight: "forward",
  ArrowUp: "louder",
  ArrowDown: "quieter",
};

/** Keys that buttons, sliders and menus have their own use for. */
const ownKeys = new Set([" ", "Enter", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End"]);
const withOwnKeys = 'button, input, textarea, a, [role="slider"], [role="menu"]';

/** Says what a key pressed inside the player does; null for nothing. `box` is the player's own element. */
export function actOf(event: KeyboardEvent, box: Element | undefined): PlayerAct | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  const { target } = event;
  if (target !== box && isElement(target) && target.closest(withOwnKeys) && ownKeys.has(event.key)) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return Object.hasOwn(keys, key) ? (keys[key] ?? null) : null;
}

function isElement(target: EventTarget | null): target is Element {
  return target !== null && "closest" in target;
}
