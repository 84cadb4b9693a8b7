import { boot } from "$lib/boot";
import App from "./App.svelte";

boot(App);
