// Y = the layer norm of X's rows, scaled and shifted; X's row as in matvec where
// op.last is set. op.at[0] has the offsets of the gain, the shift and Y; a row has op.n
// vectors and op.extra entries.
var<workgroup> sums: array<f32, 64>;

fn total(index: u32, x: f32) -> f32 {
  let part = gather_sum(x);
  if (GATHER == 64u) {
    return part;
  }
  workgroupBarrier(); // the sum before has been read
  sums[index] = part;
  for (var half = 32u; half >= GATHER; half /= 2u) {
    workgroupBarrier();
    if (index < half) {
      sums[index] += sums[index + half];
    }
  }
  workgroupBarrier();
  return sums[0];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, place: Place) {
  let index = index_of(place);
  let x = (op.x + group.y * 4u * op.n + (run.rows - 1u) * op.last) / 4u;
  let width = f32(op.extra);
  var sum = vec4<f32>();
  for (var c = index; c < op.n; c += 64u) {
    sum += state[x + c]; // padding is zero
  }
  let mean = total(index, sum.x + sum.y + sum.z + sum.w) / width;
  sum = vec4<f32>();
  for (var c = index; c < op.n; c += 64u) {
    let column = vec4<f32>(f32(4u * c)) + vec4<f32>(0.0, 1.0, 2.0, 3.0);
    let d = select(vec4<f32>(), state[x + c] - mean, column < vec4<f32>(width));
    sum += d * d;
  }
  let scale = inverseSqrt(total(index, sum.x + sum.y + sum.z + sum.w) / width + 1e-5);
  for (var c = index; c < op.n; c += 64u) {
    state[(op.at[0].z + group.y * 4u * op.n) / 4u + c] =
        (state[x + c] - mean) * scale * vectors[op.at[0].x / 4u + c] + vectors[op.at[0].y / 4u + c];
  }
}
