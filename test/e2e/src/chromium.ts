import type { PlaywrightTestOptions, PlaywrightWorkerOptions } from "@playwright/test";

/** How the distribution's Chromium is started: with made-up devices, and nobody to ask for leave to use them. */
export const chromium: Partial<PlaywrightTestOptions & PlaywrightWorkerOptions> = {
  browserName: "chromium",
  launchOptions: {
    executablePath: process.env.ROOMCAST_TEST_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream=fps=30,display-media-type=monitor",
      "--auto-select-desktop-capture-source=Entire screen",
      // Names of the machine's own addresses would need mDNS, which test machines have not.
      "--disable-features=WebRtcHideLocalIpsWithMdns",
    ],
  },
  contextOptions: { reducedMotion: "reduce" },
};
