// A tensor of weights from the seed: entry i is a hash of it, scaled and shifted;
// padding is zero. The hash is the finaliser of MurmurHash3.
struct Op {
  at: vec4<u32>,   // offset in floats, stored columns, the tensor's seed, vectors
  rows: vec4<u32>, // length and distance of the groups of rows, and of columns
  range: vec4<f32>, // scale and offset of the range
  unused: vec4<u32>,
}
struct Run { pos: u32, rows: u32, seed: u32, unused: u32 }
@group(0) @binding(0) var<uniform> op: Op;
@group(0) @binding(1) var<uniform> run: Run;
@group(0) @binding(2) var<storage, read_write> weights: array<Quad>;

fn entry(i: u32) -> f32 {
  if (i / op.at.y % op.rows.y >= op.rows.x || i % op.at.y % op.rows.w >= op.rows.z) {
    return 0.0;
  }
  var h = (i * 0x9e3779b9u) ^ run.seed ^ op.at.z;
  h = (h ^ (h >> 16u)) * 0x85ebca6bu;
  h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
  h = h ^ (h >> 16u);
  return f32(bitcast<i32>(h)) * op.range.x + op.range.y;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < op.at.w) {
    weights[op.at.x / 4u + i] = store(vec4<f32>(entry(4u * i), entry(4u * i + 1u), entry(4u * i + 2u), entry(4u * i + 3u)));
  }
}
