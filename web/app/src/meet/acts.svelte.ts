import Hand from "@lucide/svelte/icons/hand";
import Keyboard from "@lucide/svelte/icons/keyboard";
import Lock from "@lucide/svelte/icons/lock";
import LockOpen from "@lucide/svelte/icons/lock-open";
import Maximize from "@lucide/svelte/icons/maximize";
import Minimize from "@lucide/svelte/icons/minimize";
import MonitorUp from "@lucide/svelte/icons/monitor-up";
import OctagonX from "@lucide/svelte/icons/octagon-x";
import Settings2 from "@lucide/svelte/icons/settings-2";
import Users from "@lucide/svelte/icons/users";
import type { Component } from "svelte";
import * as m from "$lib/paraglide/messages";
import { toast } from "$lib/ui";
import { deviceText } from "./device-texts";
import type { Meeting } from "./meeting.svelte";
import type { MeetUi } from "./meet-ui.svelte";

interface MenuItem {
  label: string;
  icon?: Component<{ size?: number }>;
  onselect: () => void;
  danger?: boolean;
  disabled?: boolean;
}

/** What one can do in a meeting, by button, menu or key, with a word about it when it does not work. */
export class MeetActs {
  readonly meeting: Meeting;
  readonly ui: MeetUi;
  readonly canShare = typeof navigator.mediaDevices?.getDisplayMedia === "function";
  isFull = $state(document.fullscreenElement !== null);
  /** Narrow screens keep only the most needed on the bar. */
  narrow = $state(false);

  constructor(meeting: Meeting, ui: MeetUi) {
    this.meeting = meeting;
    this.ui = ui;
  }

  /** What the bar has no room for. */
  get moreItems(): (MenuItem | "separator")[] {
    const { ui, meeting } = this;
    const { room } = meeting;
    const narrow: MenuItem[] = this.narrow
      ? [
          { label: m.meet_people(), icon: Users, onselect: () => ui.toggle("people") },
          { label: room.you?.hand ? m.meet_hand_lower() : m.meet_hand_raise(), icon: Hand, onselect: () => void this.hand() },
          { label: meeting.screen ? m.meet_share_stop() : m.meet_share(), icon: MonitorUp, disabled: !this.canShare || !room.permissions.screen, onselect: () => void this.screen() },
        ]
      : [];
    return [
      ...narrow,
      { label: m.meet_devices(), icon: Settings2, onselect: () => (ui.devicesOpen = true) },
      { label: this.isFull ? m.meet_fullscreen_exit() : m.meet_fullscreen(), icon: this.isFull ? Minimize : Maximize, disabled: !document.fullscreenEnabled, onselect: () => this.fullscreen() },
      ...(this.narrow ? [] : [{ label: m.meet_shortcuts(), icon: Keyboard, onselect: () => (ui.shortcutsOpen = true) }]),
      ...(room.permissions.moderate
        ? ([
            "separator",
            { label: room.locked ? m.meet_unlock() : m.meet_lock(), icon: room.locked ? LockOpen : Lock, onselect: () => void this.lock() },
            { label: m.meet_end_all(), icon: OctagonX, danger: true, onselect: () => (ui.endOpen = true) },
          ] as const)
        : []),
    ];
  }

  async microphone(): Promise<void> {
    const { meeting } = this;
    if (!meeting.room.permissions.audio) {
      toast.info(m.meet_not_allowed_audio());
      return;
    }
    if (!(await meeting.setMicrophone(!meeting.isHeard))) this.#deviceFailed("microphone");
  }

  async camera(): Promise<void> {
    const { meeting } = this;
    if (!meeting.room.permissions.video) {
      toast.info(m.meet_not_allowed_video());
      return;
    }
    if (!(await meeting.setCamera(!meeting.isSeen))) this.#deviceFailed("camera");
  }

  async screen(): Promise<void> {
    const { meeting } = this;
    if (meeting.screen) await meeting.stopScreen();
    else if (!meeting.room.permissions.screen) toast.info(m.meet_not_allowed_screen());
    else if (!this.canShare) toast.info(m.meet_share_unsupported());
    else await meeting.shareScreen();
  }

  hand(): Promise<boolean> {
    return this.try(() => this.meeting.room.raiseHand(!this.meeting.room.you?.hand));
  }

  async lock(): Promise<void> {
    const locked = !this.meeting.room.locked;
    if (await this.try(() => this.meeting.room.setLocked(locked))) toast.success(locked ? m.meet_locked() : m.meet_unlocked());
  }

  fullscreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void document.documentElement.requestFullscreen().catch(() => undefined);
  }

  /** Does something that the server may refuse, and says so if it does; gives whether it was done. */
  async try(act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch {
      toast.error(m.meet_act_failed());
      return false;
    }
  }

  #deviceFailed(kind: "camera" | "microphone"): void {
    const problem = this.meeting.devices.problems[kind];
    if (!problem) return;
    const { what, todo } = deviceText(kind, problem);
    toast.error(what, { description: todo });
  }
}
