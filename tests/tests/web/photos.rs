//! Pictures made for a test, each different from the others.

/// A picture with edges, so that nothing is said of its sharpness, of this number.
pub(crate) fn jpeg(number: usize) -> Vec<u8> {
    const SIDE: usize = 640;
    let mut pixels = vec![0_u8; SIDE * SIDE * 3];
    for (index, pixel) in pixels.chunks_exact_mut(3).enumerate() {
        let (x, y) = (index % SIDE, index / SIDE);
        let light = ((x / (7 + number)) + (y / 11)).is_multiple_of(2);
        pixel.fill(if light { 230 } else { 40 });
        pixel[number % 3] = u8::try_from((x * 255) / SIDE).unwrap();
    }
    let image = turbojpeg::Image {
        pixels: pixels.as_slice(),
        width: SIDE,
        pitch: SIDE * 3,
        height: SIDE,
        format: turbojpeg::PixelFormat::RGB,
    };
    turbojpeg::compress(image, 85, turbojpeg::Subsamp::Sub2x2)
        .unwrap()
        .to_vec()
}
