// Y = log(softmax(Y)) over op.n entries, in one workgroup; plus the entry at op.x where
// SHIFTED. Y may begin anywhere in a vector; an invocation writes whole vectors' shares.
var<workgroup> shared_sums: array<f32, 256>;

fn over(index: u32, x: f32, largest: bool) -> f32 {
  var part = x;
  if (largest) {
    part = gather_max(x);
  } else {
    part = gather_sum(x);
  }
  workgroupBarrier(); // what was reduced before has been read
  shared_sums[index] = part;
  for (var half = 128u; half >= GATHER; half /= 2u) {
    workgroupBarrier();
    if (index < half) {
      let a = shared_sums[index];
      let b = shared_sums[index + half];
      shared_sums[index] = select(a + b, max(a, b), largest);
    }
  }
  workgroupBarrier();
  return shared_sums[0];
}

@compute @workgroup_size(256)
fn main(place: Place) {
  let index = index_of(place);
  let y = op.at[0].z;
  var top = -3.0e38;
  for (var i = y + index; i < y + op.n; i += 256u) {
    top = max(top, state[i / 4u][i % 4u]);
  }
  top = over(index, top, true);
  var sum = 0.0;
  for (var i = y + index; i < y + op.n; i += 256u) {
    sum += exp(state[i / 4u][i % 4u] - top);
  }
  var shift = top + log(over(index, sum, false));
  if (SHIFTED) {
    shift -= state[op.x / 4u][op.x % 4u];
  }
  for (var q = y / 4u + index; 4u * q < y + op.n; q += 256u) {
    for (var i = max(4u * q, y); i < min(4u * q + 4u, y + op.n); i++) {
      state[q][i % 4u] -= shift;
    }
  }
}
