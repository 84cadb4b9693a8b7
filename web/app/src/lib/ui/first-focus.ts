/**
 * Puts the focus into a dialog that opens: on its first field, so that one can type at once; without a field on the dialog itself, so that its
 * title is read out and no button is one careless Enter away.
 */
export function firstFocus(event: Event, panel: HTMLElement | undefined): void {
  if (!panel) return;
  event.preventDefault();
  const field = panel.querySelector<HTMLElement>("input:not([readonly], [disabled], [type=hidden]), textarea:not([disabled]), [data-select-trigger]:not([disabled]), [role=switch]:not([disabled])");
  (field ?? panel).focus();
}
