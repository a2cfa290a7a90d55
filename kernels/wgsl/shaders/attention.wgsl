// Causal attention of R query rows and one head in a workgroup of 128, over blocks of
// 4 S keys with a running softmax: no more of the scores exists than R rows of a block.
// op.at[0] has the offsets of keys, values and Y; op.at[1], with distances, those of
// the second queries and the distances' keys.
const S = 128u / R;      // vectors of scores in a row of a block
const OUT = R * D4;      // vectors of results
// PARTS invocations share one.
const MINE = (OUT + 127u) / 128u;  // vectors of results of an invocation
var<workgroup> scores: array<vec4<f32>, 128>;
var<workgroup> shared_sums: array<f32, 128>;
var<workgroup> fades: array<f32, R>;
var<workgroup> parts: array<vec4<f32>, 128>;

// over reduces x over the invocations of a row of scores.
fn over(index: u32, x: f32, largest: bool) -> f32 {
  workgroupBarrier(); // what was reduced before has been read
  shared_sums[index] = x;
  for (var half = S / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (index % S < half) {
      let a = shared_sums[index];
      let b = shared_sums[index + half];
      shared_sums[index] = select(a + b, max(a, b), largest);
    }
  }
  workgroupBarrier();
  return shared_sums[index - index % S];
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let head = group.x * D4;
  let row = group.y * R;
  let start = run.pos + MEMORY + row;           // the cached position of the first row
  let rows = min(R, run.rows - row);
  let end = start + rows;                       // what the last row sees
  let r = index / S;
  let mine = min(r, rows - 1u);
  let q = op.x / 4u + (row + mine) * LD4 + head;
  let keys = op.at[0].x / 4u + head;
  let values = op.at[0].y / 4u + 4u * head * SPAN4;
  let second = op.at[1].x / 4u + (row + mine) * LD4 + head;
  let distances = op.at[1].y / 4u + head;
  var top = -3.0e38;
  var sum = 0.0;
  var out: array<vec4<f32>, MINE>;
  for (var block = 0u; block < end; block += 4u * S) {
    let j = block + index % S * 4u;
    var score = vec4<f32>();
    let k0 = keys + min(j, end - 1u) * LD4;
    let k1 = keys + min(j + 1u, end - 1u) * LD4;
    let k2 = keys + min(j + 2u, end - 1u) * LD4;
    let k3 = keys + min(j + 3u, end - 1u) * LD4;
    for (var d = 0u; d < D4; d++) {
      let v = state[q + d];
      score = vec4<f32>(mac(score.x, v, state[k0 + d]), mac(score.y, v, state[k1 + d]),
          mac(score.z, v, state[k2 + d]), mac(score.w, v, state[k3 + d]));
    }
    if (RELATIVE) {
      // The distance's key is that many rows before the last; what is masked reads the last.
      let here = SPAN - 1u - (start + mine);
      let d0 = distances + min(here + j, SPAN - 1u) * LD4;
      let d1 = distances + min(here + j + 1u, SPAN - 1u) * LD4;
      let d2 = distances + min(here + j + 2u, SPAN - 1u) * LD4;
      let d3 = distances + min(here + j + 3u, SPAN - 1u) * LD4;
      for (var d = 0u; d < D4; d++) {
        let v = state[second + d];
        score = vec4<f32>(mac(score.x, v, state[d0 + d]), mac(score.y, v, state[d1 + d]),
            mac(score.z, v, state[d2 + d]), mac(score.w, v, state[d3 + d]));
      }
    }
    score = select(vec4<f32>(-3.0e38), score * SCALE, vec4<u32>(j, j + 1u, j + 2u, j + 3u) <= vec4<u32>(start + mine));
    let before = top;
    top = max(top, over(index, max(max(score.x, score.y), max(score.z, score.w)), true));
    score = exp(score - top);
    let fade = exp(before - top);
    sum = sum * fade + over(index, score.x + score.y + score.z + score.w, false);
    scores[index] = score;
    if (index % S == 0u) {
      fades[r] = fade;
    }
    workgroupBarrier();
    let seen = min(S, (end - block + 3u) / 4u);
    for (var i = 0u; i < MINE; i++) {
      let e = index + 128u * i;
      if (e >= OUT * PARTS) {
        continue;
      }
      let its = e % OUT / D4;
      let v = values + e % D4 * 4u * SPAN4 + block / 4u;
      var o = out[i] * fades[its];
      for (var p = e / OUT; p < seen; p += PARTS) {
        let s = scores[its * S + p];
        o = vec4<f32>(mac(o.x, s, state[v + p]), mac(o.y, s, state[v + SPAN4 + p]),
            mac(o.z, s, state[v + 2u * SPAN4 + p]), mac(o.w, s, state[v + 3u * SPAN4 + p]));
      }
      out[i] = o;
    }
    workgroupBarrier(); // scores and fades have been read
  }
  if (index % S == 0u) {
    fades[r] = 1.0 / sum;
  }
  parts[index] = out[0];
  workgroupBarrier();
  for (var i = 0u; i < MINE; i++) {
    let e = index + 128u * i;
    if (e < OUT && e / D4 < rows) {
      var o = out[i];
      for (var p = 1u; p < PARTS; p++) {
        o += parts[index + p * OUT];
      }
      state[op.at[0].z / 4u + (row + e / D4) * LD4 + head + e % D4] = o * fades[e / D4];
    }
  }
}
