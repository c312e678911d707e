//! Hardware, through PKCS#11.
