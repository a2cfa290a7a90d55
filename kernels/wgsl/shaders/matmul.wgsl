// Y = X Wt + B for run.rows rows: tiles of BM x BN in a workgroup of TY x TX, four by
// four in an invocation. op.at[z] has the offsets of W, B and Y, and what to add to the
// last for each position; op.n is how many columns Y has, op.extra how many vectors a
// row of X. Rows of the tiles are stored so that neighbours read
// neighbouring banks.
const DEPTH = 4u; // vectors of columns in a tile
const PITCH = 5u;
const BM = 4u * TY;
const BN = 4u * TX;
const XS = BM * PITCH;
const WS = BN * PITCH;
var<workgroup> xs: array<vec4<f32>, XS>;
var<workgroup> ws: array<vec4<f32>, WS>;

@compute @workgroup_size(TX, TY)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) id: vec3<u32>,
    @builtin(local_invocation_index) index: u32) {
  let at = op.at[group.z];
  let row = group.y * BM;
  let col = group.x * BN;
  var s0 = vec4<f32>();
  var s1 = vec4<f32>();
  var s2 = vec4<f32>();
  var s3 = vec4<f32>();
  for (var k = 0u; k < op.extra; k += DEPTH) {
    for (var e = index; e < BM * DEPTH; e += TX * TY) {
      let r = e / DEPTH;
      let c = e % DEPTH;
      var v = vec4<f32>();
      if (k + c < op.extra) {
        v = state[op.x / 4u + min(row + r, run.rows - 1u) * op.extra + k + c];
      }
      xs[(r % 4u * TY + r / 4u) * PITCH + c] = v;
    }
    for (var e = index; e < BN * DEPTH; e += TX * TY) {
      let r = e / DEPTH;
      let c = e % DEPTH;
      var v = vec4<f32>();
      if (k + c < op.extra) {
        v = weight(at.x / 4u + min(col + r, op.n - 1u) * op.extra + k + c);
      }
      ws[(r % 4u * TX + r / 4u) * PITCH + c] = v;
    }
    workgroupBarrier();
    for (var c = 0u; c < DEPTH; c++) {
      let w0 = ws[id.x * PITCH + c];
      let w1 = ws[(TX + id.x) * PITCH + c];
      let w2 = ws[(2u * TX + id.x) * PITCH + c];
      let w3 = ws[(3u * TX + id.x) * PITCH + c];
      var v = xs[id.y * PITCH + c];
      s0 = vec4<f32>(mac(s0.x, v, w0), mac(s0.y, v, w1), mac(s0.z, v, w2), mac(s0.w, v, w3));
      v = xs[(TY + id.y) * PITCH + c];
      s1 = vec4<f32>(mac(s1.x, v, w0), mac(s1.y, v, w1), mac(s1.z, v, w2), mac(s1.w, v, w3));
      v = xs[(2u * TY + id.y) * PITCH + c];
      s2 = vec4<f32>(mac(s2.x, v, w0), mac(s2.y, v, w1), mac(s2.z, v, w2), mac(s2.w, v, w3));
      v = xs[(3u * TY + id.y) * PITCH + c];
      s3 = vec4<f32>(mac(s3.x, v, w0), mac(s3.y, v, w1), mac(s3.z, v, w2), mac(s3.w, v, w3));
    }
    workgroupBarrier();
  }
  let left = col + 4u * id.x;
  if (left >= op.n) {
    return;
  }
  var bias = vec4<f32>();
  if (BIAS) {
    bias = vectors[(at.y + left) / 4u];
  }
  let y = (at.z + run.pos * at.w + left) / 4u;
  put(row + 4u * id.y, y, s0, bias);
  put(row + 4u * id.y + 1u, y, s1, bias);
  put(row + 4u * id.y + 2u, y, s2, bias);
  put(row + 4u * id.y + 3u, y, s3, bias);
}

fn put(row: u32, y: u32, sum: vec4<f32>, bias: vec4<f32>) {
  if (row >= run.rows) {
    return;
  }
  let i = y + row * (op.n / 4u);
  var before = vec4<f32>();
  if (RESIDUAL) {
    before = state[i];
  }
  state[i] = finish(sum, bias, before);
}
