"""Tables as their files hold them, of text or Parquet: cells by column, before anything is made of them."""
