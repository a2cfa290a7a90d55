// What every kernel but fill can read and write. Offsets in ops are in floats.
struct Op {
  at: array<vec4<u32>, 3>, // offsets; what they are of is told where they are used
  x: u32,
  last: u32, // what to add to x for each row before the last
  n: u32,
  extra: u32,
}
struct Run { pos: u32, rows: u32, seed: u32, unused: u32 }
@group(0) @binding(0) var<uniform> op: Op;
@group(0) @binding(1) var<uniform> run: Run;
@group(0) @binding(2) var<storage, read> matrix: array<Quad>;
@group(0) @binding(3) var<storage, read> vectors: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> state: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> tokens: array<i32>;

fn mac(sum: f32, a: vec4<f32>, b: vec4<f32>) -> f32 {
  return sum + a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}
