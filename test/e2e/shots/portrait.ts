import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Draws somebody before a wall of some colours, nodding, as a file that Chromium takes for a camera. */
export async function portrait(path: string, wall: [string, string], coat: [number, number, number]): Promise<void> {
  const nod = "3*sin(2*PI*N/30)";
  const head = `lt(hypot(X-320,Y-150+${nod}),62)`;
  const hair = `lt(hypot((X-320)*0.95,Y-134+${nod}),69)*lt(Y,131+${nod})`;
  const body = "lt(hypot((X-320)/1.5,Y-380),150)";
  const paint = (wallHere: string, coatHere: number, skin: number, dark: number) => `if(${hair},${dark},if(${head},${skin},if(${body},${coatHere},${wallHere})))`;
  const graph = [
    `gradients=s=640x360:c0=${wall[0]}:c1=${wall[1]}:x0=0:y0=0:x1=640:y1=360:n=2:speed=0.0001:r=30:d=1`,
    "format=gbrp",
    `geq=r='${paint("r(X,Y)", coat[0], 226, 62)}':g='${paint("g(X,Y)", coat[1], 180, 44)}':b='${paint("b(X,Y)", coat[2], 150, 38)}'`,
    "scale=1280:720:flags=bicubic",
  ].join(",");
  await promisify(execFile)("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", graph, "-pix_fmt", "yuvj420p", "-q:v", "3", "-f", "mjpeg", path]);
}
