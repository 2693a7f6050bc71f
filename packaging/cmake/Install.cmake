# cmake --install build/release --prefix DIR
