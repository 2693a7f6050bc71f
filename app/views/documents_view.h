// Attention per document: baseline beside intervened, with sink and rest.
#pragma once

#include "app/views/document_strip.h"
#include "app/views/widgets.h"

namespace headscope {

class DocumentsPanel {
 public:
  void draw(ViewContext& context);
  const DocumentStrip& strip() const { return strip_; }

 private:
  DocumentStrip strip_;
};

}  // namespace headscope
