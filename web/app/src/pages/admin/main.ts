import { boot } from "$lib/boot";
import "./admin.css";
import App from "./App.svelte";

boot(App);
