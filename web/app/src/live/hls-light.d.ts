// The light build (no subtitles, no other audio tracks, no DRM) is the same class and comes without types of its own.
declare module "hls.js/light" {
  export * from "hls.js";
  export { default } from "hls.js";
}
