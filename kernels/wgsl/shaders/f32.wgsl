alias Quad = vec4<f32>;
fn weight(i: u32) -> vec4<f32> { return matrix[i]; }
