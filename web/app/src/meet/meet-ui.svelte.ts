/** What stands beside the stage. */
export type Panel = "chat" | "people";

const idleAfterMs = 4_000;

/** What is open around the stage, and whether the controls are awake. */
export class MeetUi {
  panel = $state<Panel | null>(null);
  devicesOpen = $state(false);
  shortcutsOpen = $state(false);
  endOpen = $state(false);
  /** Nobody moved for a while: controls go away. */
  idle = $state(false);
  #timer: ReturnType<typeof setTimeout> | null = null;

  toggle(panel: Panel): void {
    this.panel = this.panel === panel ? null : panel;
  }

  /** Somebody moved. */
  stir = (): void => {
    this.idle = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.idle = true), idleAfterMs);
  };

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
